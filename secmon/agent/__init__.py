"""Run the processes: spawner, supervisor, children, schedule, store."""
