-- response_times_monthly: formulas and sources are in schemas/metrics/response_times_monthly.py.
SELECT * EXCLUDE (period) FROM views.response_times WHERE period = 'month'
