# The image of every Airflow process and of the MLflow server. The model server has its own, smaller one
# (include/serving/Dockerfile). The slim base holds no providers whose pins could fight the lock.
ARG BASE_IMAGE=apache/airflow:slim-3.3.2-python3.12
FROM ${BASE_IMAGE}

WORKDIR /opt/airflow

# Exactly the locked files, or the build fails.
COPY --chown=airflow:0 requirements/image.lock ./
RUN pip install --no-cache-dir --require-hashes --requirement image.lock && pip check

# The package is not installed but lies in the plugins folder, so that no second copy can go stale.
COPY --chown=airflow:0 plugins/ plugins/
COPY --chown=airflow:0 dags/ dags/
COPY --chown=airflow:0 include/ include/
COPY --chown=airflow:0 expectations/ expectations/

# The command `titlebout`, beside `airflow`. A new volume takes its owner and mode from the folder that it is mounted on.
RUN command="$(dirname "$(command -v airflow)")/titlebout" \
    && printf '#!/bin/sh\nexec python -m titlebout.cli.main "$@"\n' > "$command" && chmod 755 "$command" \
    && mkdir -p data/lake data/source data/servers data/mlflow && chmod -R g=u data \
    && python -m compileall -q plugins

ENV PYTHONPATH=/opt/airflow/plugins \
    TITLEBOUT_HOME=/opt/airflow \
    OMP_WAIT_POLICY=PASSIVE \
    GX_ANALYTICS_ENABLED=false \
    MLFLOW_DISABLE_TELEMETRY=true
