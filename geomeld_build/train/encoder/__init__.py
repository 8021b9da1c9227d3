"""ConvNeXt V2 (Woo et al. 2023, arXiv 2301.00808) that computes visible patches only, and exactly."""
