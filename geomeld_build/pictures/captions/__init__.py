"""Pictures of captions: sheets with the claims in colour, the report, the form that people judge."""
