"""Which weights, from which package, verified by SHA-256; sole importer of onnxruntime."""
