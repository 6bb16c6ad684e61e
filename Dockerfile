# One image for every process: `docker run IMAGE collector`, `intake`, `worker`, `sink`, `board`, `migrate`.
FROM python:3.12-slim AS build
WORKDIR /src
COPY requirements.lock pyproject.toml README.md LICENSE ./
COPY reports reports
COPY schemas schemas
COPY sinks sinks
COPY streams streams
COPY uptake uptake
RUN python -m venv /opt/uptake \
    && /opt/uptake/bin/pip install --no-cache-dir --constraint requirements.lock .

FROM python:3.12-slim
RUN useradd --system --uid 10001 --create-home uptake
COPY --from=build /opt/uptake /opt/uptake
ENV PATH=/opt/uptake/bin:$PATH PYTHONUNBUFFERED=1
USER uptake
WORKDIR /home/uptake
EXPOSE 8000 8050 9400
ENTRYPOINT ["uptake"]
CMD ["--help"]
