"""The results store: what was measured, kept in one SQLite file, to be compared over time.

``open_store()`` is all that most callers need; see ``tfjslab.store.results_store``.
"""

from tfjslab.store.results_store import ResultsStore as ResultsStore
from tfjslab.store.results_store import open_store as open_store
from tfjslab.store.stored import StoredFigure as StoredFigure
from tfjslab.store.stored import StoredResult as StoredResult
