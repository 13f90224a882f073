"""First-party personalisation, written through the same public interface as anyone's plugin."""
