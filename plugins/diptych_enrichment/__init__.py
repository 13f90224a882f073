"""First-party enrichment, written through the same public interface as anyone's plugin."""
