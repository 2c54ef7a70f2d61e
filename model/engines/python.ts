/**
 * Facts about Python behind gunicorn or uvicorn; both take the number of their workers from WEB_CONCURRENCY. Measured on Python 3.13 with SQLAlchemy and psycopg:
 * an idle worker of Flask under gunicorn 23 holds 47 MiB, one of FastAPI under uvicorn 0.32 holds 66 MiB, and what starts them 23 MiB.
 */
export const python = {
  /** What starts the workers. */
  masterMiB: 32,
  /** An idle one, and as much again for requests. Python has no limit of its own. */
  workerMiB: 128,
  /** Connections that a worker has at least: a request may hold one and ask by another, and a driver may keep one pool to read and one to write. */
  connections: 2,
  /** Pools of memory of the C library, which takes 8 for each CPU of the host. */
  arenas: 2,
} as const;
