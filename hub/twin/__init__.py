"""A second copy of an embedded database, page by page, so that a damaged page costs nothing that was acknowledged.

`wal` knows SQLite's write-ahead log, `tail` is the second write-ahead log that each commit is synced to, `copy` is
the copy of the pages with their checksums, `twin` keeps both beside a database that runs, `mend` puts a damaged
database right, `mendings` tells of it.

At every moment the copy with the tail laid over it is the whole committed database: the copy gets what the tail holds
before SQLite may begin its own log anew. Neither knows a table: what is true of a page is true of the log and the
state.
"""

from hub.twin.mend import Mended, heal
from hub.twin.mendings import Mendings
from hub.twin.twin import Twin

__all__ = ["Mended", "Mendings", "Twin", "heal"]
