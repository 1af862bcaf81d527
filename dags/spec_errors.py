"""Shows every broken model spec as an Airflow DAG import error; the other DAG files leave such models out.

Kept in a file of its own, because Airflow drops all DAGs of a file that raises.
"""

from titlebout.project import spec_mistakes

if mistakes := spec_mistakes():
    message = "model specs without DAGs until they are corrected"
    raise ExceptionGroup(message, mistakes)
