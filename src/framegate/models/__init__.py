"""Model registry: which weights, from which package, verified by SHA-256; the only importer of onnxruntime."""
