"""What this process is granted of the machine: cores, memory, threads, a graphics card."""
