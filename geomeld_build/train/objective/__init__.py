"""What GeoMeld-FM learns by: reconstruction of six modalities, prediction of hidden tokens, contrast with captions."""
