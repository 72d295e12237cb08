"""What is left of people in redacted pictures, and what the redaction cost."""
