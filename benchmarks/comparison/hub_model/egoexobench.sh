egoexobench run --method mteb:model=mteb/baseline-random-encoder --dataset folder:path=clips --task eg2ex
