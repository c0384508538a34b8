egoexobench data init raw
egoexobench run --method video-only --dataset folder:path=raw --task eg2ex --set epochs=1
