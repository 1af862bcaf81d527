"""From what a source delivers to rows in declared types: streams, so that a partition may exceed memory."""
