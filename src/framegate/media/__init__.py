"""What runs inside the sandbox: PyAV over open descriptors. The only importer of ``av``.

Nothing here opens a path, reads a setting or the clock, or is called on the host; stages name a
task ("framegate.media.probe:measure") and the sandbox runs it.
"""
