"""Reports of sampling frames and of what stores hold of them: a page of HTML, its figures as JSON, pictures as PNG."""

from geomeld_build.pictures.frames.frame_report import write_frame_report
from geomeld_build.pictures.frames.store_report import write_store_report
from geomeld_build.pictures.frames.store_summary import StoreSummary, store_report

__all__ = ["StoreSummary", "store_report", "write_frame_report", "write_store_report"]
