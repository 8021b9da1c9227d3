"""Training. The only package that imports torch; ``pip install geomeld-build[train]`` brings it."""
