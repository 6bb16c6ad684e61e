"""Everything that `uptake up` runs on one machine: broker, store and the processes."""
