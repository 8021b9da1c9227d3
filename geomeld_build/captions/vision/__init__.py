"""Captions by vision-language models behind an OpenAI-compatible server: images, requests, answers kept for good."""
