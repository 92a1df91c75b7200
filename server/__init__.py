"""The service: collects sealed reports, merges them into cases, serves reviewers, exports labels."""
