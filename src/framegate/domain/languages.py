"""English names of languages, for tracks that viewers choose from. Pure.

All of ISO 639-1 with their two codes of ISO 639-2 where those differ, and a few languages beyond
it that films come in. Containers say any of these: MP4 and Matroska the long codes, HLS the short.
"""

from __future__ import annotations

import re

_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")

_TABLE = """
ab abk: Abkhaz
aa aar: Afar
af afr: Afrikaans
ak aka: Akan
sq sqi alb: Albanian
am amh: Amharic
ar ara: Arabic
an arg: Aragonese
hy hye arm: Armenian
as asm: Assamese
ast: Asturian
av ava: Avar
ae ave: Avestan
ay aym: Aymara
az aze: Azerbaijani
bm bam: Bambara
ba bak: Bashkir
eu eus baq: Basque
be bel: Belarusian
bn ben: Bengali
bi bis: Bislama
bs bos: Bosnian
br bre: Breton
bg bul: Bulgarian
my mya bur: Burmese
yue: Cantonese
ca cat: Catalan
ceb: Cebuano
ckb: Central Kurdish
ch cha: Chamorro
ce che: Chechen
ny nya: Chichewa
zh zho chi: Chinese
cu chu: Church Slavonic
cv chv: Chuvash
kw cor: Cornish
co cos: Corsican
cr cre: Cree
hr hrv: Croatian
cs ces cze: Czech
da dan: Danish
prs: Dari
dv div: Divehi
nl nld dut: Dutch
dz dzo: Dzongkha
arz: Egyptian Arabic
en eng: English
eo epo: Esperanto
et est: Estonian
ee ewe: Ewe
fo fao: Faroese
fj fij: Fijian
fil: Filipino
fi fin: Finnish
fr fra fre: French
fur: Friulian
ff ful: Fula
gl glg: Galician
lg lug: Ganda
ka kat geo: Georgian
de deu ger: German
el ell gre: Greek
kl kal: Greenlandic
gn grn: Guarani
gu guj: Gujarati
ht hat: Haitian Creole
ha hau: Hausa
haw: Hawaiian
he heb: Hebrew
hz her: Herero
hi hin: Hindi
ho hmo: Hiri Motu
hmn: Hmong
hu hun: Hungarian
is isl ice: Icelandic
io ido: Ido
ig ibo: Igbo
id ind: Indonesian
ia ina: Interlingua
ie ile: Interlingue
iu iku: Inuktitut
ik ipk: Inupiaq
ga gle: Irish
it ita: Italian
ja jpn: Japanese
jv jav: Javanese
kab: Kabyle
kn kan: Kannada
kr kau: Kanuri
ks kas: Kashmiri
kk kaz: Kazakh
km khm: Khmer
ki kik: Kikuyu
rw kin: Kinyarwanda
rn run: Kirundi
kv kom: Komi
kg kon: Kongo
kok: Konkani
ko kor: Korean
ku kur: Kurdish
kj kua: Kwanyama
ky kir: Kyrgyz
lad: Ladino
lo lao: Lao
la lat: Latin
lv lav: Latvian
li lim: Limburgish
ln lin: Lingala
lt lit: Lithuanian
lu lub: Luba-Katanga
lb ltz: Luxembourgish
mk mkd mac: Macedonian
mai: Maithili
mg mlg: Malagasy
ms msa may: Malay
ml mal: Malayalam
mt mlt: Maltese
cmn: Mandarin
gv glv: Manx
mi mri mao: Maori
mr mar: Marathi
mh mah: Marshallese
nan: Min Nan
mn mon: Mongolian
ary: Moroccan Arabic
na nau: Nauru
nv nav: Navajo
ng ndo: Ndonga
ne nep: Nepali
nd nde: Northern Ndebele
se sme: Northern Sami
no nor: Norwegian
nb nob: Norwegian Bokmål
nn nno: Norwegian Nynorsk
ii iii: Nuosu
oc oci: Occitan
or ori: Odia
oj oji: Ojibwa
om orm: Oromo
os oss: Ossetian
pi pli: Pali
ps pus: Pashto
fa fas per: Persian
pl pol: Polish
pt por: Portuguese
pa pan: Punjabi
qu que: Quechua
ro ron rum: Romanian
rm roh: Romansh
ru rus: Russian
sm smo: Samoan
sg sag: Sango
sa san: Sanskrit
sc srd: Sardinian
sco: Scots
gd gla: Scottish Gaelic
sr srp: Serbian
sh hbs: Serbo-Croatian
sn sna: Shona
scn: Sicilian
sd snd: Sindhi
si sin: Sinhala
sk slk slo: Slovak
sl slv: Slovenian
so som: Somali
nr nbl: Southern Ndebele
st sot: Southern Sotho
es spa: Spanish
su sun: Sundanese
sw swa: Swahili
ss ssw: Swati
sv swe: Swedish
gsw: Swiss German
tl tgl: Tagalog
ty tah: Tahitian
tg tgk: Tajik
ta tam: Tamil
tt tat: Tatar
te tel: Telugu
th tha: Thai
bo bod tib: Tibetan
ti tir: Tigrinya
tpi: Tok Pisin
to ton: Tongan
ts tso: Tsonga
tn tsn: Tswana
tr tur: Turkish
tk tuk: Turkmen
tw twi: Twi
uk ukr: Ukrainian
hsb: Upper Sorbian
ur urd: Urdu
ug uig: Uyghur
uz uzb: Uzbek
ve ven: Venda
vi vie: Vietnamese
vo vol: Volapük
wa wln: Walloon
cy cym wel: Welsh
fy fry: West Frisian
wo wol: Wolof
xh xho: Xhosa
yi yid: Yiddish
yo yor: Yoruba
za zha: Zhuang
zu zul: Zulu
"""

_NAMES = {
    code: name
    for codes, name in (line.split(": ") for line in _TABLE.strip().splitlines())
    for code in codes.split()
}


_SHORTEST = {
    code: min(codes.split(), key=len)
    for codes, _name in (line.split(": ") for line in _TABLE.strip().splitlines())
    for code in codes.split()
}


def short_tag(tag: str | None) -> str:
    """A BCP 47 tag as manifests want it: ``deu`` is ``de``; "" for none, undetermined, or what is
    not a tag.
    """
    code, dash, rest = (tag or "").strip().partition("-")
    code = _SHORTEST.get(code.lower(), code.lower())
    full = f"{code}{dash}{rest}"
    return full if _TAG.fullmatch(full) and code != "und" else ""


def english_name(tag: str | None) -> str | None:
    """``de``, ``deu``, ``ger`` are German, ``pt-BR`` is Portuguese (BR); None when not known."""
    code, _, rest = (tag or "").strip().partition("-")
    name = _NAMES.get(code.lower())
    plain = rest.isascii() and rest.replace("-", "").isalnum()
    return f"{name} ({rest})" if name and plain else name
