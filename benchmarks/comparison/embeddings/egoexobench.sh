egoexobench score vectors.npz --dataset folder:path=clips --evidence video --task eg2ex
