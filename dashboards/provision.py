"""What a Grafana reads at its start: data sources, and where the boards lie."""

from dashboards import Json
from dashboards.places import FOLDER, FOLDER_UID
from firstbell.copies import RAW, ROLLUPS

URL_FROM = "$FIRSTBELL_INFLUX_URL"
TOKEN_FROM = "$FIRSTBELL_INFLUX_TOKEN"  # noqa: S105 - where it is, not what it is
BOARDS_AT = "/var/lib/grafana/dashboards/firstbell"
NAMES = {RAW: "First Bell", ROLLUPS: "First Bell, hours and days"}


def datasource(db: str, url: str, token: str, bucket: str = RAW) -> Json:
    """A data source: InfluxQL on 2 and 3 wants the database's name, and the token in a header.

    Its uid is fixed, because boards name it; `bucket` is what the district calls the bucket of reports.
    """
    return {
        "name": NAMES[db],
        "uid": db,
        "type": "influxdb",
        "access": "proxy",
        "url": url,
        "jsonData": {
            "version": "InfluxQL",
            "dbName": bucket + db.removeprefix(RAW),
            "httpMode": "POST",
            "httpHeaderName1": "Authorization",
        },
        "secureJsonData": {"httpHeaderValue1": f"Token {token}"},
    }


def datasources() -> Json:
    """Both data sources; address and token come from Grafana's environment."""
    return {"apiVersion": 1, "datasources": [datasource(db, URL_FROM, TOKEN_FROM) for db in NAMES]}


def providers() -> Json:
    """Where the boards lie. They are code: changes by hand in Grafana are not kept."""
    provider = {
        "name": FOLDER,
        "orgId": 1,
        "folder": FOLDER,
        "folderUid": FOLDER_UID,
        "type": "file",
        "allowUiUpdates": False,
        "options": {"path": BOARDS_AT},
    }
    return {"apiVersion": 1, "providers": [provider]}
