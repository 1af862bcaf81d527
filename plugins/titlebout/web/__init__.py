"""Pages inside Airflow's own web server. They only read, and each route lets in only who may read the model's DAG.

Nothing but the plugin imports this layer, and only when Airflow's API server asks for it: FastAPI costs half a second.
"""
