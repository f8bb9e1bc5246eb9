"""Alerts: one SQL file per rule over the last minutes of landed rows. How rules are run is in `assets.alarms`."""
