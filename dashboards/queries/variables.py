"""What a board's variables may be set to."""

from dashboards.influxql import DISTRICT, Query

_ANSWER = ("key", "value")

DISTRICTS = Query("districts", 'SHOW TAG VALUES FROM "school_now" WITH KEY = "district"', _ANSWER)
SCHOOLS = Query("schools", f'SHOW TAG VALUES FROM "school_now" WITH KEY = "school" WHERE {DISTRICT}', _ANSWER)
CIRCUITS = Query("circuits", f'SHOW TAG VALUES FROM "line" WITH KEY = "circuit" WHERE {DISTRICT}', _ANSWER)
