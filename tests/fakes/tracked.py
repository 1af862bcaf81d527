"""A challenger and a verdict as the steps hand them to a registry."""

from titlebout.core.results import Outcome, TrainedChallenger, TrainingProof, Verdict

SHA256 = "5" * 64


def a_challenger(model: str, version: str) -> TrainedChallenger:
    folder = f"{model}/versions/{version}"
    return TrainedChallenger(
        model=model,
        version=version,
        partition=version[:10],
        model_path=f"{folder}/model.ubj",
        model_sha256=SHA256,
        model_bytes=1000,
        plan_path=f"{folder}/plan.json",
        plan_sha256=SHA256,
        golden_path=f"{folder}/golden.json",
        golden_sha256=SHA256,
        recipe_path=f"{folder}/recipe.json",
        recipe_sha256=SHA256,
        proof=TrainingProof(training=(), holdout=()),
        training_rows=1000,
        baseline=143.8,
        code_version="0.1.0",
    )


def a_verdict(model: str, version: str, *, gain: float | None) -> Verdict:
    return Verdict(
        model=model,
        partition=version[:10],
        outcome=Outcome.PROMOTE,
        reasons=("gain 12.0 %, at least 9.1 %", "beats the baseline"),
        challenger=version,
        champion="2012-05-01-cccccccccccc",
        metric="rmse",
        rows=120,
        blocks=5,
        challenger_error=41.5,
        champion_error=47.2,
        gain=gain,
        gain_low=0.091,
    )
