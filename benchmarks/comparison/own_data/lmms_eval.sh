python write_questions.py
lmms-eval --model dummy --tasks ego_to_exo --include_path . --batch_size 1
