"""First-party roles, written through the same public interface as anyone's plugin."""
