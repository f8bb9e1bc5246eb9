"""What `dagster dev` loads: the definitions of the city that $CITYLAKE_TOML, or ./citylake.toml, describes.

How they are put together is said in `dagster_project.assembly`.
"""

from dagster_project.assembly import assemble
from dagster_project.settings import load

defs = assemble(load())
