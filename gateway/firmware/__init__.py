"""The images of the site: fetched once, proven, kept within a quota, and served to devices over HTTP and MQTT."""
