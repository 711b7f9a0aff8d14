"""Every mistake has its sentence, and no secret is in any."""
