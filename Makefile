# The two commands of the README are `make demo` and `make test`; each sets everything up first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PROTO := proto/condensery/v1/compression.proto
PROTOC := $(BIN)/python -m grpc_tools.protoc -Iproto
export TOKENIZERS_PARALLELISM := false
export OMP_WAIT_POLICY := PASSIVE

SETS := .cache/eval/sets
# Examples of a set at most; 0 takes all of them.
EVAL_LIMIT ?= 30
LIMITED = $(if $(filter-out 0,$(EVAL_LIMIT)),--limit $(EVAL_LIMIT))

.PHONY: demo test test-slow check serve proto bench bench-quality bench-methods bench-speed bench-load eval train format clean

demo: $(STAMP)
	$(BIN)/python -m demo

test: $(STAMP)
	$(BIN)/python -m pytest

test-slow: $(STAMP)
	$(BIN)/python -m pytest -m "slow and not gpu"

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	cd proto && ../$(BIN)/buf lint && ../$(BIN)/buf format --diff --exit-code && ../$(BIN)/buf breaking --against baseline.binpb
	rm -rf .cache/proto && mkdir -p .cache/proto
	$(PROTOC) --python_out=.cache/proto --pyi_out=.cache/proto --grpc_python_out=.cache/proto $(PROTO)
	diff -r .cache/proto/condensery/v1 client/condensery/v1 -x __init__.py -x __pycache__

serve: $(STAMP)
	$(BIN)/condensery serve

proto: $(STAMP)
	$(PROTOC) --python_out=client --pyi_out=client --grpc_python_out=client $(PROTO)

bench: bench-quality bench-methods bench-speed bench-load

bench-quality: $(STAMP)
	$(BIN)/python -m benchmarks.quality

bench-methods: $(STAMP)
	$(BIN)/python -m benchmarks.exit_speed --cases 150,700,5x150
	$(BIN)/python -m benchmarks.exit_speed --cases 2000 --rounds 1
	$(BIN)/python -m benchmarks.exit_speed --shape gemma-small --cases 150,700 --rounds 1
	$(BIN)/python -m benchmarks.llmlingua_parity
	$(BIN)/python -m benchmarks.llmlingua_speed
	$(BIN)/python -m benchmarks.clustering
	$(BIN)/python -m benchmarks.deletion
	$(BIN)/python -m benchmarks.deletion --correlation
	$(BIN)/python -m benchmarks.segmentation
	$(BIN)/python -m benchmarks.structures

bench-speed: $(STAMP)
	$(BIN)/python -m benchmarks.batching

bench-load: $(STAMP)
	$(BIN)/python -m benchmarks.load

eval: $(STAMP)
	$(BIN)/python -m benchmarks.heldout $(SETS)
	$(BIN)/condensery eval $(foreach set,nq20 squad10 hotpotqa 2wiki musique,$(SETS)/$(set).jsonl.gz) \
		-o .cache/eval/passages --rates .1,.15,.2 --reader extractive --against all $(LIMITED)
	$(BIN)/condensery eval $(SETS)/qmsum.jsonl.gz $(SETS)/covid_qa.jsonl.gz \
		-o .cache/eval/long --rates .1 --against lead,random,bm25,cosine $(LIMITED)
	$(BIN)/condensery eval $(foreach set,xquad_de xquad_es xquad_ru xquad_zh xquad_ar cmrc2018 drcd jaquad,$(SETS)/$(set).jsonl.gz) \
		-o .cache/eval/languages --rates .2 --against random,bm25 $(LIMITED)
	$(BIN)/python -m training.calibration --groups 40
	$(BIN)/python -m benchmarks.exit_classifier

train: $(STAMP)
	$(BIN)/python -m training.train single
	$(BIN)/python -m training.train together --start .cache/training/single/checkpoint.safetensors
	$(BIN)/python -m training.export
	$(BIN)/python -m training.fusion

format: $(STAMP)
	$(BIN)/ruff check --fix . && $(BIN)/ruff format .

clean:
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(STAMP): pyproject.toml client/pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable client[langchain] --editable .[dev]
	touch $(STAMP)
