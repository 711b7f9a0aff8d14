"""Updates as Home Assistant sees them: one `update` entity for each module of each device, to look at and no more."""
