"""The REST protocol: discovery, endpoints, formats, quotas, faults."""
