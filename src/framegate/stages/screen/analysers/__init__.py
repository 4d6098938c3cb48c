"""One analyser each: pixels in, findings out."""
