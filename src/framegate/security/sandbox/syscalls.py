"""System call numbers of Linux on x86_64 and aarch64, by what they are for.

From ``asm/unistd_64.h`` and ``asm-generic/unistd.h`` of Linux 6.1; ``-`` where an architecture has
no such call. Each entry reads ``name:x86_64:aarch64``.
"""

from __future__ import annotations

# on descriptors that are open already
IO = """
read:0:63 write:1:64 readv:19:65 writev:20:66 pread64:17:67 pwrite64:18:68 preadv:295:69
pwritev:296:70 preadv2:327:286 pwritev2:328:287 close:3:57 close_range:436:436 fstat:5:80
lseek:8:62 dup:32:23 dup2:33:- dup3:292:24 pipe:22:- pipe2:293:59 eventfd2:290:19 poll:7:-
ppoll:271:73 select:23:- pselect6:270:72 epoll_create1:291:20 epoll_ctl:233:21 epoll_wait:232:-
epoll_pwait:281:22 sendmsg:46:211 recvmsg:47:212 sendto:44:206 recvfrom:45:207 shutdown:48:210
getsockopt:55:209 setsockopt:54:208 getsockname:51:204 fsync:74:82 fdatasync:75:83
ftruncate:77:46 sync_file_range:277:84 fadvise64:221:223 copy_file_range:326:285 sendfile:40:71
"""

# private memory
MEMORY = """
mmap:9:222 mprotect:10:226 munmap:11:215 mremap:25:216 brk:12:214 mincore:27:232 mlock:149:228
munlock:150:229 membarrier:324:283
"""

# threads, signals to oneself, clocks, facts
PROCESS = """
rt_sigaction:13:134 rt_sigprocmask:14:135 rt_sigreturn:15:139 rt_sigtimedwait:128:137
sigaltstack:131:132 futex:202:98 futex_waitv:449:449 set_robust_list:273:99
get_robust_list:274:100 rseq:334:293 set_tid_address:218:96 arch_prctl:158:- sched_yield:24:124
sched_getaffinity:204:123 sched_setaffinity:203:122 sched_getparam:143:121
sched_getscheduler:145:120 sched_get_priority_max:146:125 sched_get_priority_min:147:126
getpriority:140:141 getcpu:309:168 nanosleep:35:101 clock_nanosleep:230:115
clock_gettime:228:113 clock_getres:229:114 gettimeofday:96:169 time:201:- times:100:153
getrusage:98:165 getrlimit:97:163 getpid:39:172 gettid:186:178 getppid:110:173 getuid:102:174
geteuid:107:175 getgid:104:176 getegid:108:177 sysinfo:99:179 uname:63:160 getrandom:318:278
restart_syscall:219:128 exit:60:93 exit_group:231:94
"""

# anything that names a file
PATHS = """
open:2:- openat:257:56 openat2:437:437 creat:85:- stat:4:- lstat:6:- access:21:-
faccessat:269:48 faccessat2:439:439 readlink:89:- readlinkat:267:78 unlink:87:- unlinkat:263:35
rename:82:- renameat:264:38 renameat2:316:276 mkdir:83:- mkdirat:258:34 rmdir:84:- link:86:-
linkat:265:37 symlink:88:- symlinkat:266:36 chmod:90:- fchmodat:268:53 chown:92:- lchown:94:-
fchownat:260:54 truncate:76:45 statfs:137:43 chdir:80:49 mknod:133:- mknodat:259:33
"""

# anything that makes or names a connection
SOCKETS = """
socket:41:198 socketpair:53:199 connect:42:203 bind:49:200 listen:50:201 accept:43:202
accept4:288:242
"""

# allowed for some arguments only, see seccomp.py
FILTERED = """
clone:56:220 clone3:435:435 fcntl:72:25 ioctl:16:29 madvise:28:233 newfstatat:262:79
prctl:157:167 prlimit64:302:261 tgkill:234:131
"""

# new processes and programs, other processes, the kernel itself
DANGEROUS = """
acct:163:89 add_key:248:217 adjtimex:159:171 bpf:321:280 chroot:161:51 clock_adjtime:305:266
clock_settime:227:112 delete_module:176:106 fanotify_init:300:262 finit_module:313:273 fork:57:-
fsconfig:431:431 fsmount:432:432 fsopen:430:430 fspick:433:433 init_module:175:105
io_uring_enter:426:426 io_uring_register:427:427 io_uring_setup:425:425 ioperm:173:- iopl:172:-
kcmp:312:272 kexec_file_load:320:294 kexec_load:246:104 keyctl:250:219 kill:62:129
lookup_dcookie:212:18 memfd_secret:447:447 migrate_pages:256:238 modify_ldt:154:- mount:165:40
mount_setattr:442:442 move_mount:429:429 move_pages:279:239 name_to_handle_at:303:264
nfsservctl:180:42 open_by_handle_at:304:265 open_tree:428:428 perf_event_open:298:241
personality:135:92 pidfd_getfd:438:438 pidfd_open:434:434 pidfd_send_signal:424:424
pivot_root:155:41 process_madvise:440:440 process_vm_readv:310:270 process_vm_writev:311:271
ptrace:101:117 quotactl:179:60 quotactl_fd:443:443 reboot:169:142 request_key:249:218
rt_sigqueueinfo:129:138 rt_tgsigqueueinfo:297:240 setdomainname:171:162 sethostname:170:161
setns:308:268 settimeofday:164:170 swapoff:168:225 swapon:167:224 syslog:103:116 tkill:200:130
umount2:166:39 unshare:272:97 userfaultfd:323:282 vfork:58:- vhangup:153:58 vmsplice:278:75
execve:59:221 execveat:322:281
"""


def numbers(group: str, machine: str) -> dict[str, int]:
    """Calls of one group by name on ``machine`` ("x86_64" or "aarch64"), without missing ones."""
    column = ("x86_64", "aarch64").index(machine)
    table: dict[str, int] = {}
    for entry in group.split():
        name, *columns = entry.split(":")
        if columns[column] != "-":
            table[name] = int(columns[column])
    return table
