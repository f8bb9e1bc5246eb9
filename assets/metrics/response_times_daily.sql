-- response_times_daily: formulas and sources are in schemas/metrics/response_times_daily.py.
SELECT * EXCLUDE (period) FROM views.response_times WHERE period = 'day'
