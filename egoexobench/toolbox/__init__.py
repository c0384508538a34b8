"""What plug-ins may use beside the protocols. Every module here is public.

- `captions`: the format of sound captions; `caption_file`: captions in a file.
- `checkpoint`: weights files to tensors; `hub`, `safe_unpickle`, `tracked_state`, `videomae_keys`.
- `hub_models`: models by name; `model_folder`: what is in one, `model_pins`: known commits.
- `job_process`: a job of a launcher in a process, and the cores that this process may use.
- `layers`: attention, masked means, positions, freezing.
- `storage`: hashes, the cache folder, files that are written completely or not at all.
- `torch_compat`: makes torchvision and torchaudio importable beside any torch.
- `vision`: frames to the input of an image network.
"""
