"""What runs inside the sandbox: PyAV over open descriptors. The only importer of ``av``.

Nothing here opens a path, reads a setting or the clock, or is called on the host; stages name a
task ("framegate.media.probe:measure") and the sandbox runs it.
"""

# Imported by PyAV and NumPy when first needed (a subtitle stream, `numpy.unique`); a jailed child
# could not do it any more.
import av.subtitles.codeccontext
import av.subtitles.stream
import av.subtitles.subtitle  # noqa: F401 - see above
import numpy.ma  # noqa: F401 - see above
