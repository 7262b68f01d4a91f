"""What openapi.json says, beyond what FastAPI knows by itself."""
