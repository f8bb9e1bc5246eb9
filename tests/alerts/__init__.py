"""Alerts: rules against cases worked by hand and slow oracles, the engine, delivery, and the command."""
