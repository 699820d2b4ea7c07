"""Measuring on many machines: jobs go to the workers of a dask cluster, one a machine at a time."""

from tfjslab.cluster.connect import connect as connect
from tfjslab.cluster.jobs import MachineJob as MachineJob
from tfjslab.cluster.jobs import run_jobs as run_jobs
