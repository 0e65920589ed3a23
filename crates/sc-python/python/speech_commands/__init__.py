"""Recognises spoken keywords in audio files, arrays and live samples.

    import speech_commands as sc

    recognizer = sc.Recognizer()
    print(recognizer.classify("yes.mp3"))
"""

from ._native import Detection, Detector, Error, Prediction, Recognizer, Score, __version__

__all__ = ["Detection", "Detector", "Error", "Prediction", "Recognizer", "Score", "__version__"]
