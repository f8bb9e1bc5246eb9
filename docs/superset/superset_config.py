"""Settings of a Superset for one person on one machine: its own database is an SQLite file, the key is made at the first start.

What others than you reach needs more: https://superset.apache.org/docs/configuration/configuring-superset
"""

import os
import secrets
from pathlib import Path

from superset.config import TALISMAN_CONFIG

HOME = Path(os.environ["SUPERSET_HOME"])
_key = HOME / "secret_key"
if not _key.exists():
    HOME.mkdir(parents=True, exist_ok=True)
    with open(os.open(_key, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="ascii") as out:
        out.write(secrets.token_urlsafe(48))
SECRET_KEY = _key.read_text(encoding="ascii")
SQLALCHEMY_DATABASE_URI = f"sqlite:///{HOME / 'superset.db'}"

# pages ask nobody but this server: without this they tell Superset's telemetry (scarf.sh) of every page that is opened
TALISMAN_CONFIG["content_security_policy"] |= {"img-src": ["'self'", "blob:", "data:"], "connect-src": ["'self'"]}
