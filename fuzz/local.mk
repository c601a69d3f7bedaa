# Fuzz targets, and the replay of their corpora in make check.
